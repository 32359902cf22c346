// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

// A SCIM service provider for tests: SCIMMY and its routers on Express, over
// users in memory. Reads {"token", "users"} as one line of its standard
// input, tells its port on its standard output, and ends with its input.
import readline from "node:readline";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

function start({ token, users }) {
  const byID = new Map(users.map((user) => [user.id, user]));
  SCIMMY.Resources.declare(SCIMMY.Resources.User).egress((resource) => {
    if (!resource.id) {
      return resource.filter ? resource.filter.match(users) : users;
    }
    if (!byID.has(resource.id)) {
      throw new SCIMMY.Types.Error(404, null, `there is no user ${resource.id}`);
    }
    return byID.get(resource.id);
  });
  SCIMMY.Config.set({ filter: { supported: true, maxResults: 200 } });

  const app = express();
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

const input = readline.createInterface({ input: process.stdin });
input.once("line", (line) => start(JSON.parse(line)));
input.once("close", () => process.exit(0));
