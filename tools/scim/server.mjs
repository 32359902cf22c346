// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// A SCIM service provider for tests: SCIMMY and its routers on Express, over
// users in memory. Reads {"token", "users", "faults"} as one line of its standard
// input, tells its port on its standard output, and ends with its input.
//
// By itself it compares case. faults may say otherwise: ignoreCase; refuse, an
// attribute that it does not filter by; endsEarly, the number of users after
// which its list ends, although it counts all.
import readline from "node:readline";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

function start({ token, users, faults = {} }) {
  const byID = new Map(users.map((user) => [user.id, user]));
  SCIMMY.Resources.declare(SCIMMY.Resources.User).egress((resource) => {
    if (!resource.id) {
      if (!resource.filter) {
        return users;
      }
      const matched = new Set(resource.filter.match(users.map(faults.ignoreCase ? lowered : same)).map((user) => user.id));
      return users.filter((user) => matched.has(user.id));
    }
    if (!byID.has(resource.id)) {
      throw new SCIMMY.Types.Error(404, null, `there is no user ${resource.id}`);
    }
    return byID.get(resource.id);
  });
  SCIMMY.Config.set({ filter: { supported: true, maxResults: 200 } });

  const app = express();
  app.use((request, response, next) => {
    const url = new URL(request.url, "http://localhost");
    const filter = url.searchParams.get("filter");
    const first = Number(url.searchParams.get("startIndex") ?? 1);
    if (faults.refuse && filter?.startsWith(faults.refuse)) {
      response.status(400).json({ schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"], status: "400", scimType: "invalidFilter" });
      return;
    }
    if (faults.endsEarly && !filter && first > faults.endsEarly) {
      response.json({ schemas: ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], totalResults: users.length, startIndex: first, itemsPerPage: 0, Resources: [] });
      return;
    }
    if (faults.ignoreCase && filter) {
      url.searchParams.set("filter", filter.replace(/".*"/, (value) => value.toLowerCase()));
      request.url = url.pathname + url.search;
    }
    next();
  });
  app.use("/scim/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
      if (request.header("Authorization") !== `Bearer ${token}`) {
        throw new Error("the token is not known");
      }
      return users[0].id;
    },
  }));
  const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

const same = (user) => user;
const lowered = (user) => ({
  ...user,
  userName: user.userName.toLowerCase(),
  emails: user.emails.map((email) => ({ ...email, value: email.value.toLowerCase() })),
});

const input = readline.createInterface({ input: process.stdin });
input.once("line", (line) => start(JSON.parse(line)));
input.once("close", () => process.exit(0));
