import { changedColumns, filledColumns, type Layout, rowColumns, textColumns } from '../layout.js';
import { RANDOM_SPAN } from '../token.js';
import type { Quote, Statements } from './dialect.js';
import { formsOf, type Words } from './forms.js';
import { contentConditions } from './same-content.js';
import { farStatement, ownPlace, readStatement, touchStatement } from './statements.js';

/**
 * LAST_INSERT_ID(expr) sends the value back with the result, so that no second statement has to ask for it
 * (dev.mysql.com, "Information Functions"). The assignments run from left to right: revision and creation read the
 * expiry that was there, so it comes after them.
 */
export function insertIdStatements(layout: Layout, table: string, quote: Quote, words: Words): Statements {
  const sid = quote(layout.sid);
  const forms = formsOf(layout, words);
  const live = forms.live(quote(layout.expireAt));
  const names = rowColumns(layout);
  const placeFor = (name: string) => ownPlace(layout, forms, name);
  const { text, content } = contentConditions(layout, quote, words);
  const updateStatement = (changed: readonly string[], same = content) => {
    const sets = changed.map((name) => `${quote(name)} = ${placeFor(name)}`).join(', ');
    if (layout.revision === undefined) {
      // Of a row that is reached, its sid has some length.
      const told = `${sid} = if(last_insert_id(char_length(${sid})) > 0, ${sid}, ${sid})`;
      return `update ${table} set ${told}, ${sets} where ${sid} = ? and ${live}${same}`;
    }
    const revision = quote(layout.revision);
    const stored = `coalesce(${revision}, 0)`; // NULL where another program inserted the row into a table that allows it
    return (
      `update ${table} set ${sets}, ` +
      `${revision} = last_insert_id(${stored} - mod(${stored}, ${RANDOM_SPAN}) + ?) ` +
      `where ${sid} = ? and ${live} and ${stored} between ? and ?`
    );
  };
  return {
    read: readStatement(layout, table, quote, words),
    upsert:
      `insert into ${table} (${names.map(quote).join(', ')}) values (${names.map(placeFor).join(', ')}) ` +
      `on duplicate key update ${assignments(layout, quote, words, (token) => `last_insert_id(${token})`).join(', ')}`,
    update: updateStatement(changedColumns(layout)),
    ...(layout.revision === undefined && { updateAny: updateStatement(changedColumns(layout), '') }),
    replaceText: updateStatement(textColumns(layout), text),
    fill: updateStatement(filledColumns(layout)),
    touch: touchStatement(layout, table, quote, forms),
    touchFar: touchStatement(layout, table, quote, forms) + farStatement(layout, quote, forms),
    remove: `delete from ${table} where ${sid} = ?`,
  };
}

/** What an insert does where it meets a row. Its bindings are those of `liveBindings`. */
export function assignments(layout: Layout, quote: Quote, words: Words, tell: (token: string) => string): string[] {
  const sid = quote(layout.sid);
  const live = formsOf(layout, words).live(quote(layout.expireAt));
  const kept = layout.createdAt === undefined ? [] : [quote(layout.createdAt)];
  // ON DUPLICATE KEY fires for any unique index: a schema column that is unique would make it overwrite the row of another
  // session. The subquery of two rows is an error when it is reached, and it is reached only then.
  const guard = `${sid} = if(${sid} = values(${sid}), ${sid}, (select 1 union select 2))`;
  const token = (revision: string, stored = `coalesce(${revision}, 0)`) =>
    `if(${live}, ${stored} - mod(${stored}, ${RANDOM_SPAN}) + mod(values(${revision}), ${RANDOM_SPAN}), values(${revision}))`;
  return [
    ...(layout.fields.length > 0 ? [guard] : []),
    ...(layout.revision === undefined ? [] : [quote(layout.revision)]).map(
      (revision) => `${revision} = ${tell(token(revision))}`,
    ),
    ...kept.map((column) => `${column} = if(${live}, ${column}, values(${column}))`),
    ...changedColumns(layout).map((name) => `${quote(name)} = values(${quote(name)})`),
  ];
}
