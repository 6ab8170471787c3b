/** A log for knex that says nothing of the connections that break, since here they all do. */
export const SILENT = { warn() {}, error() {}, debug() {}, deprecate() {} };
