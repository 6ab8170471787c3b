import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Profile, packageOf } from './profile.js';

/** A function as it was called from those above it, with its time and theirs. */
interface Frame {
  readonly name: string;
  readonly package: string;
  readonly under: Map<string, Frame>;
  microseconds: number;
}

const WIDTH = 1200;
const ROW = 17;
const LETTER = 6.6;
/** Narrower than this, in pixels, a frame and all under it are left out. */
const LEAST = 0.8;

const COLOURS: Readonly<Record<string, string>> = { V8: '#b9a7d0', node: '#c5cbd3', bench: '#e3e6ea' };
const OURS = '#7db4f5';
const OTHERS = '#f2c48d';

/**
 * A profile's stacks as a picture: the width of a function is its time with what it called, the same function under the same
 * ones above it is one. Idle time is left out, and so is the loading of modules. Under the pointer a browser shows a function's share.
 */
export function flameOf(profile: Profile, title: string): string {
  const root = stacksOf(profile);
  const scale = WIDTH / root.microseconds;
  const boxes: string[] = [];
  let deepest = 0;
  const draw = (frame: Frame, x: number, depth: number): void => {
    const width = frame.microseconds * scale;
    if (width < LEAST) return;
    deepest = Math.max(deepest, depth);
    boxes.push(box(frame, x, depth, width, root.microseconds));
    let at = x;
    for (const one of [...frame.under.values()].sort((a, b) => b.microseconds - a.microseconds)) {
      draw(one, at, depth + 1);
      at += one.microseconds * scale;
    }
  };
  draw(root, 0, 1);
  const height = (deepest + 2) * ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="4" y="13" font-size="12">${escaped(title)}</text>`,
    ...boxes,
    '</svg>\n',
  ].join('\n');
}

function stacksOf({ nodes, samples, timeDeltas }: Profile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const root: Frame = { name: 'all', package: 'bench', under: new Map(), microseconds: 0 };
  for (const [index, id] of samples.entries()) {
    const time = timeDeltas[index] ?? 0;
    const path: number[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) path.unshift(at);
    const calls = path.slice(1).map((one) => byId.get(one)?.callFrame);
    if (calls.at(-1)?.functionName === '(idle)' || calls.some(isLoading)) continue;
    root.microseconds += time;
    let frame = root;
    for (const call of calls) {
      if (call === undefined) continue;
      const key = `${call.url}:${call.lineNumber}:${call.functionName}`;
      let next = frame.under.get(key);
      if (next === undefined) {
        const name = call.functionName || '(anonymous)';
        next = { name, package: packageOf(call.url), under: new Map(), microseconds: 0 };
        frame.under.set(key, next);
      }
      next.microseconds += time;
      frame = next;
    }
  }
  return root;
}

function isLoading(call: { readonly url: string } | undefined): boolean {
  return call?.url.startsWith('node:internal/modules/') ?? false;
}

function box(
  { name, package: owner, microseconds }: Frame,
  x: number,
  depth: number,
  width: number,
  all: number,
): string {
  const colour = COLOURS[owner] ?? (owner.startsWith('@kss/') ? OURS : OTHERS);
  const label = `${name} · ${owner}`.slice(0, Math.floor(width / LETTER));
  const share = ((microseconds / all) * 100).toFixed(1);
  const y = depth * ROW;
  return (
    `<g><title>${escaped(`${name}, ${owner}: ${share} %`)}</title>` +
    `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(width - 0.5, 0.3).toFixed(1)}" height="${ROW - 1}" fill="${colour}"/>` +
    (label.length > 2 ? `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(label)}</text>` : '') +
    '</g>'
  );
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file = '', ...title] = process.argv.slice(2);
  process.stdout.write(flameOf(JSON.parse(readFileSync(file, 'utf8')) as Profile, title.join(' ')));
}
