/**
 * The floors of packages/core/src, lowest first. A file imports only from its own floor or a lower one, types included.
 * A file that is in no floor is an error: decide where it lives before anything leans on it.
 */
const floors = [
  ['errors.ts', 'types.ts', 'token.ts', 'result-codes.ts', 'slot.ts', 'foreign.ts'],
  [
    'options.ts',
    'expiry.ts',
    'sid.ts',
    'column-types.ts',
    'codec.ts',
    'foreign-layouts.ts',
    'layout.ts',
    'content.ts',
    'revision.ts',
    'report.ts',
    'merge.ts',
    'encryption.ts',
  ],
  ['dialect/'],
  [
    ...[
      'place.ts',
      'table.ts',
      'table-text.ts',
      'table-check.ts',
      'ensure-table.ts',
      'whole-table.ts',
      'filling.ts',
      'column-moves.ts',
      'column-changes.ts',
      'sync.ts',
      'deadline.ts',
      'operation.ts',
      'order.ts',
    ],
    ...[
      'queue.ts',
      'executor.ts',
      'expired.ts',
      'query.ts',
      'requests.ts',
      'single.ts',
      'multiple.ts',
      'dispatch.ts',
      'calls.ts',
      'conflicts.ts',
      'touch-after.ts',
      'batch.ts',
      'upgrade.ts',
    ],
    ...['collector.ts', 'embedded.ts', 'node-sqlite.ts', 'criteria.ts', 'listing.ts', 'search.ts', 'saving.ts'],
  ],
  ['store.ts', 'session-table.ts', 'migration.ts', 'offline.ts'],
  ['adapter.ts', 'backfill.ts', 'cookie.ts', 'takeover/', 'index.ts'],
];

const CORE = '^packages/core/src/';
const PUBLISHED = '^packages/(?!test-kit/|release-tests/|takeover-tests/)[^/]+/src/';
const ADAPTER = '^packages/(?!core/|test-kit/|release-tests/|takeover-tests/)[^/]+/src/';
// Resolved where the core is built, and by its name where it is not.
const CORE_DOORS = '^packages/core/dist/(index|adapter|takeover)\\.|^@kss/core(/(adapter|takeover))?$';
const LOADS_KNEX = `${CORE}(embedded|node-sqlite|offline)\\.ts$`;
const KNEX = '(^|/)node_modules/knex/|^knex(/|$)';

function onFloors(names) {
  return `${CORE}(${names.map((name) => (name.endsWith('/') ? `${name}[^/]+` : name).replace('.', '\\.')).join('|')})$`;
}

const upwards = floors.slice(0, -1).map((names, floor) => ({
  name: `floor-${floor}-looks-up`,
  comment: `A file of floor ${floor} imports only from floors 0 to ${floor}.`,
  severity: 'error',
  from: { path: onFloors(names) },
  to: { path: CORE, pathNot: onFloors(floors.slice(0, floor + 1).flat()) },
}));

module.exports = {
  forbidden: [
    ...upwards,
    {
      name: 'no-circle',
      comment: 'Files that import each other in a circle cannot be understood one by one. Types count.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'adapter-uses-core-door',
      comment: 'An adapter takes from the core what @kss/core and @kss/core/adapter export, and nothing else.',
      severity: 'error',
      from: { path: ADAPTER },
      to: { path: '^packages/core/|^@kss/core(/|$)', pathNot: CORE_DOORS },
    },
    {
      name: 'published-needs-dev-dependency',
      comment: 'What is published runs without devDependencies.',
      severity: 'error',
      from: { path: PUBLISHED },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm', 'npm-peer', 'npm-optional'] },
    },
    {
      name: 'published-needs-unlisted',
      comment: 'What is published runs with what its package.json lists.',
      severity: 'error',
      from: { path: PUBLISHED },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'published-needs-test',
      comment: 'Sources do not lean on tests.',
      severity: 'error',
      from: { path: PUBLISHED },
      to: { path: '/test/|^packages/(test-kit|release-tests)/|^@kss/(test-kit|release-tests)(/|$)' },
    },
    {
      name: 'knex-at-run-time',
      comment: 'The app brings knex. Only embedded.ts and node-sqlite.ts load it, when they are asked to.',
      severity: 'error',
      from: { path: PUBLISHED, pathNot: LOADS_KNEX },
      to: { path: KNEX, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'loads-knex-early',
      comment:
        'knex is required when a store without a knex, or a client for one, is made, not when the core is imported.',
      severity: 'error',
      from: { path: LOADS_KNEX },
      to: { path: KNEX, dependencyTypesNot: ['type-only', 'require'] },
    },
  ],
  required: [
    {
      name: 'on-no-floor',
      comment: 'List the file under its floor in .dependency-cruiser.cjs.',
      severity: 'error',
      module: { path: CORE, pathNot: onFloors(floors.flat()) },
      to: { path: '^nothing satisfies this$' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: '/dist/(?!(index|adapter|takeover)\\.)' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
