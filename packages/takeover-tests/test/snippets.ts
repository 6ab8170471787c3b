import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const RUN = fileURLToPath(new URL('./.run/', import.meta.url));

/** A block of code of a page, and the heading that it stands under. */
export interface Snippet {
  readonly heading: string;
  readonly language: string;
  readonly code: string;
}

/** The blocks of a page in some languages. */
export async function snippetsOf(page: string, ...languages: readonly string[]): Promise<Snippet[]> {
  const text = await readFile(`${ROOT}${page}`, 'utf8');
  const blocks = [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  return blocks
    .map(({ index, 1: language = '', 2: code = '' }) => {
      const headings = [...text.slice(0, index).matchAll(/^## (.*)$/gm)];
      return { heading: headings.at(-1)?.[1] ?? '', language, code };
    })
    .filter(({ language }) => languages.includes(language));
}

let made = 0;

/** Runs a snippet as a module of its own, in this process; what it takes as given is in `given`. */
export async function run(
  code: string,
  given: Readonly<Record<string, unknown>> = {},
): Promise<Record<string, unknown>> {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const { outputText } = ts.transpileModule(code, { compilerOptions });
  await mkdir(RUN, { recursive: true });
  made += 1;
  const file = `${RUN}snippet-${process.pid}-${made}.mjs`;
  const names = Object.keys(given).filter(
    (name) => !new RegExp(`\\b(const|let|import) (\\{[^}]*\\b)?${name}\\b`).test(code),
  );
  const key = `kssGiven${process.pid}x${made}`;
  (globalThis as Record<string, unknown>)[key] = given;
  try {
    await writeFile(
      file,
      `${names.length > 0 ? `const { ${names.join(', ')} } = globalThis.${key};\n` : ''}${outputText}`,
    );
    return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as Record<string, unknown>;
  } finally {
    await rm(file, { force: true });
    Reflect.deleteProperty(globalThis, key);
  }
}
