/** Fails where a file of packages/core/src outside dialect/ names a database in code. Comments may. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'packages/core/src');

const NAMES =
  /(?<![a-z0-9])(postgres(ql)?|pg|pglite|mysql2?|mariadb|(better-)?sqlite3?|libsql|mssql|sql ?server|tedious|oracle(db)?|cockroach(db)?|redshift)(?![a-z0-9])/i;
// What the store owns where it is given no knex is a SQLite file, and its option and its errors say so.
const OWN_FILE = /\bSQLite file\b|\b\w+\.sqlite\b/g;
// Other session stores, whose tables ours takes over, are called so.
const OTHER_STORES = /\b(connect-pg-simple|express-mysql-session)\b/g;
const NODE_SQLITE = './node-sqlite.js';
const ALLOWED = {
  'embedded.ts': ['better-sqlite3', NODE_SQLITE],
  'index.ts': [NODE_SQLITE],
  // A client of knex's is what this file holds, whatever it is used for.
  'node-sqlite.ts': [
    ...['node:sqlite', 'knex/lib/dialects/better-sqlite3/index.js'],
    ' Or use another driver: npm install better-sqlite3.',
  ],
  'result-codes.ts': ['SQLITE_'],
  // The values of an option of that store's.
  'takeover/connect-session-kysely.ts': ['mysql', 'postgresql', 'sqlite'],
};

const found = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('dialect/'))
  .flatMap((name) => namesIn(name, readFileSync(join(source, name), 'utf8')));

for (const { place, name, text } of found) console.error(`${place}: names '${name}' in ${JSON.stringify(text)}`);
if (found.length > 0) {
  console.error('Only packages/core/src/dialect/ names databases: move the difference into the dialect record.');
  process.exitCode = 1;
}

function namesIn(file, content) {
  const tree = ts.createSourceFile(file, content, ts.ScriptTarget.Latest, true);
  const hits = [];
  const visit = (node) => {
    const text = textOf(node);
    const name = text === undefined ? undefined : NAMES.exec(text.replace(OWN_FILE, '').replace(OTHER_STORES, ''))?.[0];
    if (name !== undefined && !ALLOWED[file]?.includes(text)) {
      const { line } = tree.getLineAndCharacterOfPosition(node.getStart(tree));
      hits.push({ place: `${relative(root, join(source, file))}:${line + 1}`, name, text });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return hits;
}

/** What a literal, a part of a template, a regular expression or a name in code says. */
function textOf(node) {
  if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
    return node.text;
  }
  return ts.isRegularExpressionLiteral(node) || ts.isIdentifier(node) ? node.text : undefined;
}
