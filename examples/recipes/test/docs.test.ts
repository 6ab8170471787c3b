import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const FOLDER = '../examples/recipes/src/';

/** The snippets of the page. Each follows the link to the file that its lines are from. */
const page = readFileSync(new URL('../../../docs/recipes.md', import.meta.url), 'utf8');
const snippets = [...page.matchAll(/\]\(([^)]+\.ts)\)\):\n+```ts\n([\s\S]*?)^```$/gm)].map(
  ([, path = '', code = '']) => ({ file: path.replace(FOLDER, ''), code }),
);

it('shows every recipe', () => {
  const shown = snippets.map(({ file }) => file);
  expect(shown).toEqual(['passport.ts', 'nest-sessions.ts', 'nest-express.ts', 'nest-fastify.ts', 'socket-io.ts']);
  expect(page.match(/^```ts$/gm)).toHaveLength(shown.length);
});

it.each(snippets)('shows lines of $file', ({ file, code }) => {
  const source = readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8');
  const lines = new Set(linesOf(source));
  expect(linesOf(code).filter((line) => !lines.has(line))).toEqual([]);
});

/** What the lines say. Imports differ: a file imports more than its essential lines need. */
function linesOf(code: string): string[] {
  const lines = code.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('import '));
}
