import {
  ALIAS,
  changedColumns,
  type Field,
  fieldAlias,
  filledColumns,
  type Layout,
  rowColumns,
  textColumns,
  touchedColumns,
} from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import type { BatchStatements, Dialect, Quote, Statements } from './dialect.js';
import { type Forms, formsOf, type Words } from './forms.js';
import { contentConditions } from './same-content.js';

/** The statements of the databases that have `on conflict` and `returning`. */
export function returningStatements(
  layout: Layout,
  table: string,
  quote: Quote,
  words: Words,
  placeholder: (field: Field) => string = () => '?',
): Statements {
  const fields = new Map(layout.fields.map((field) => [field.name, field]));
  const placeFor = (name: string) => {
    const field = fields.get(name);
    return field === undefined ? ownPlace(layout, forms, name) : placeholder(field);
  };
  const forms = formsOf(layout, words);
  const sid = quote(layout.sid);
  const live = forms.live(quote(layout.expireAt));
  const columns = rowColumns(layout).map(quote);
  const { text, content } = contentConditions(layout, quote, words);
  const updateStatement = (names: readonly string[], same = content) => {
    const sets = names.map((name) => `${quote(name)} = ${placeFor(name)}`).join(', ');
    if (layout.revision === undefined)
      return `update ${table} set ${sets} where ${sid} = ? and ${live}${same} returning 1 as ${quote(ALIAS.revision)}`;
    const revision = quote(layout.revision);
    // NULL where another program inserted the row into a table that allows it.
    const stored = `coalesce(${revision}, 0)`;
    return (
      `update ${table} set ${sets}, ${revision} = ${stored} - ${stored} % ${RANDOM_SPAN} + ? ` +
      `where ${sid} = ? and ${live} and ${stored} between ? and ?${returning(layout, quote)}`
    );
  };
  return {
    read: readStatement(layout, table, quote, words),
    upsert:
      `insert into ${table} as t (${columns.join(', ')}) values (${rowColumns(layout).map(placeFor).join(', ')}) ` +
      `${onConflict(layout, quote, forms)}${returning(layout, quote)}`,
    update: updateStatement(changedColumns(layout)),
    ...(layout.revision === undefined && { updateAny: updateStatement(changedColumns(layout), '') }),
    replaceText: updateStatement(textColumns(layout), text),
    fill: updateStatement(filledColumns(layout)),
    touch: touchStatement(layout, table, quote, forms),
    touchFar: touchStatement(layout, table, quote, forms) + farStatement(layout, quote, forms),
    remove: `delete from ${table} where ${sid} = ?`,
  };
}

/** The binding of a column of our own, as the layout writes it. */
export function ownPlace(layout: Layout, forms: Forms, name: string, place = '?'): string {
  if (name === layout.expireAt) return forms.writeExpiry(place);
  return name === layout.additional ? forms.writeText(place) : place;
}

/** The token after a write, where the table has tokens. */
function returning({ revision }: Layout, quote: Quote): string {
  return revision === undefined ? '' : ` returning ${quote(revision)} as ${quote(ALIAS.revision)}`;
}

/** What an insert does where it meets a row. Its bindings are those of `liveBindings`. */
export function onConflict(layout: Layout, quote: Quote, forms: Forms): string {
  const live = forms.live(`t.${quote(layout.expireAt)}`);
  const kept = layout.createdAt === undefined ? [] : [quote(layout.createdAt)];
  const sets = [
    ...(layout.revision === undefined ? [] : [quote(layout.revision)]).map((revision) => {
      const stored = `coalesce(t.${revision}, 0)`;
      return `${revision} = case when ${live} then ${stored} - ${stored} % ${RANDOM_SPAN} + excluded.${revision} % ${RANDOM_SPAN} else excluded.${revision} end`;
    }),
    ...kept.map((column) => `${column} = case when ${live} then t.${column} else excluded.${column} end`),
    ...changedColumns(layout).map((name) => `${quote(name)} = excluded.${quote(name)}`),
  ];
  return `on conflict (${quote(layout.sid)}) do update set ${sets.join(', ')}`;
}

/** The row of one live session, under the aliases; with its key in the table of another store, whose column may ignore case. */
export function readStatement(layout: Layout, table: string, quote: Quote, words: Words): string {
  const forms = formsOf(layout, words);
  const key = layout.foreign === undefined ? [] : [`${quote(layout.sid)} as ${quote(ALIAS.sid)}`];
  const columns = [...key, ...readColumns(layout, quote, words, forms)].join(', ');
  return `select ${columns} from ${table} where ${quote(layout.sid)} = ? and ${forms.live(quote(layout.expireAt))}`;
}

/** The rows of live sessions, each with its key. `among`: the condition that the key is one of those meant. */
export function readManyStatement(layout: Layout, table: string, quote: Quote, words: Words, among: string): string {
  const forms = formsOf(layout, words);
  const columns = [`${quote(layout.sid)} as ${quote(ALIAS.sid)}`, ...readColumns(layout, quote, words, forms)];
  return `select ${columns.join(', ')} from ${table} where ${quote(layout.sid)} ${among} and ${forms.live(quote(layout.expireAt))}`;
}

/** Key and token of live sessions; the key alone where there are no tokens. */
export function tokensStatement(layout: Layout, table: string, quote: Quote, words: Words, among: string): string {
  const columns = [`${quote(layout.sid)} as ${quote(ALIAS.sid)}`, ...revisionColumn(layout, quote)];
  const live = formsOf(layout, words).live(quote(layout.expireAt));
  return `select ${columns.join(', ')} from ${table} where ${quote(layout.sid)} ${among} and ${live}`;
}

/** Reads and deletes by a list of keys, for databases whose writes go one row at a time. */
export function listStatements(layout: Layout, table: string, quote: Quote, words: Words): BatchStatements {
  const among = (keys: readonly string[]) => `in (${keys.map(() => '?').join(', ')})`;
  return {
    read: (keys, now) => ({
      sql: readManyStatement(layout, table, quote, words, among(keys)),
      bindings: [...keys, now],
    }),
    remove: (keys) => ({ sql: `delete from ${table} where ${quote(layout.sid)} ${among(keys)}`, bindings: keys }),
    tokens: (keys, now) => ({
      sql: tokensStatement(layout, table, quote, words, among(keys)),
      bindings: [...keys, now],
    }),
  };
}

function readColumns(layout: Layout, quote: Quote, words: Words, forms: Forms): string[] {
  return [
    `${forms.readExpiry(quote(layout.expireAt))} as ${quote(ALIAS.expireAt)}`,
    ...revisionColumn(layout, quote),
    `${forms.readText(quote(layout.additional))} as ${quote(ALIAS.additional)}`,
    ...layout.owned.map((field, i) => `${words.readColumn(field.type, quote(field.name))} as ${quote(fieldAlias(i))}`),
  ];
}

function revisionColumn({ revision }: Layout, quote: Quote): string[] {
  return revision === undefined ? [] : [`${quote(revision)} as ${quote(ALIAS.revision)}`];
}

/** Moves the expiry of one live row. `output`: what stands between the assignments and the condition. */
export function touchStatement(layout: Layout, table: string, quote: Quote, forms: Forms, output = ''): string {
  const sets = touchedColumns(layout).map((name) => `${quote(name)} = ${ownPlace(layout, forms, name)}`);
  const live = forms.live(quote(layout.expireAt));
  return `update ${table} set ${sets.join(', ')}${output} where ${quote(layout.sid)} = ? and ${live}`;
}

/** What a touch adds that is written only where it moves the expiry by enough. */
export function farStatement(layout: Layout, quote: Quote, { writeExpiry }: Forms): string {
  const expireAt = quote(layout.expireAt);
  return ` and (${expireAt} <= ${writeExpiry('?')} or ${expireAt} > ${writeExpiry('?')})`;
}

/** The token in the row that `returning` gave. */
export function returnedToken(dialect: Pick<Dialect, 'rows'>, result: unknown): number | undefined {
  const row = dialect.rows(result)[0];
  return row === undefined ? undefined : Number(row[ALIAS.revision]);
}
