# Copyright (c) The terraform-provider-sym Authors
# SPDX-License-Identifier: MPL-2.0
#
# Runs OpenLDAP in directory $1 at address $2, with the entries of standard input.
set -eu
config=$PWD/testdata/slapd.conf
cd "$1"
cp /usr/sbin/slapd . # AppArmor keeps the installed program to its own files
./slapd -T add -q -f "$config"
exec ./slapd -d 0 -f "$config" -h "$2"
