import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ejs from 'ejs';

/**
 * Compiles a template of the folder `templates`. It sees its data as `page`, and writes it with `<%= %>` only, which
 * escapes; `<%- %>` is for including other templates.
 */
export function template(name: string): (page: object) => string {
  const filename = fileURLToPath(new URL(`./templates/${name}.ejs`, import.meta.url));
  return ejs.compile(readFileSync(filename, 'utf8'), { filename, strict: true, localsName: 'page', cache: true });
}

/** A file of the folder `assets`. */
export function asset(name: string): string {
  return readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8');
}
