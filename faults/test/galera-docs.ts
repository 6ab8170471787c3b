import { createSessionTable } from '@kss/core';
import { describe, expect, it } from 'vitest';
import { type Galera, openNode } from '../src/galera.js';
import { rowsOf, sqlFor } from '../src/scaling-sql.js';

/** What docs/scaling.md has an operator ask a node. */
export function questionsToNodes(galera: () => Galera): void {
  describe('docs/scaling.md', () => {
    it.each(sqlFor('Galera'))('the statements from line $line on run', async ({ statements }) => {
      const node = openNode(galera().ports[1] as number, 3);
      try {
        await node.schema.dropTableIfExists('sessions');
        await createSessionTable(node, {});
        const answers = await Promise.all(statements.map((statement) => rowsOf(node, statement)));
        // A status variable that is not there is no error, but a row less.
        for (const [i, statement] of statements.entries()) {
          const asked = /variable_name in\s*\(([^)]*)\)/.exec(statement)?.[1]?.split(',').length;
          if (asked !== undefined) expect(answers[i]).toHaveLength(asked);
        }
        await node.schema.dropTable('sessions');
      } finally {
        await node.destroy();
      }
    });
  });
}
