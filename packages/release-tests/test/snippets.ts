import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { FIXTURES, type Outcome } from './application.js';

/** A fenced block of a Markdown file. */
export interface Snippet {
  readonly language: 'ts' | 'js' | 'sh';
  readonly code: string;
  /** The line of the file that its first line is in, counted from 1. */
  readonly line: number;
  /** Whether `<!-- snippet: run -->` stands before it. */
  readonly run: boolean;
}

/** The blocks of a Markdown file that are code in `ts`, `js` or `sh`. */
export function snippetsOf(markdown: string): Snippet[] {
  const fence = /^(<!-- snippet: run -->\n+)?```(ts|js|sh)\n([\s\S]*?)^```$/gm;
  return [...markdown.matchAll(fence)].map(({ index, 1: mark = '', 2: language, 3: code = '' }) => ({
    language: language as Snippet['language'],
    code,
    line: markdown.slice(0, index + mark.length).split('\n').length + 1,
    run: mark !== '',
  }));
}

const AMBIENT = join(FIXTURES, 'readme-ambient.d.ts');
const parsed = new Map<string, ts.SourceFile | undefined>();

/**
 * Compiles a snippet as a module of its own, against what is built.
 *
 * @param folder where the snippet stands: its imports are looked up from there, and it is compiled like the sources there
 * @returns one message for each error, with the line in the Markdown file
 */
export function compile({ language, code, line }: Snippet, folder: string): string[] {
  const file = join(folder, `snippet.${language === 'ts' ? 'mts' : moduleKind(code)}`);
  const options = { ...optionsOf(folder), allowJs: true, checkJs: true, moduleDetection: ts.ModuleDetectionKind.Force };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.readFile = (name) => (name === file ? code : readFile(name));
  host.getSourceFile = (name, target, ...rest) => {
    if (name === file) return ts.createSourceFile(name, code, target, true);
    if (!parsed.has(name)) parsed.set(name, getSourceFile(name, target, ...rest));
    return parsed.get(name);
  };
  const program = ts.createProgram([file, AMBIENT], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file: where, start = 0, messageText }) => {
    const at = where?.fileName === file ? line + where.getLineAndCharacterOfPosition(start).line : where?.fileName;
    return `${at}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

/**
 * Runs a snippet in an application. What has printed a line and does not end soon is a server, and is stopped.
 *
 * @returns how it ended; a server that was stopped has the code 0
 */
export async function execute({ language, code, line }: Snippet, application: string): Promise<Outcome> {
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const script = language === 'ts' ? ts.transpileModule(code, { compilerOptions: options }).outputText : code;
  const file = join(application, `snippet-${line}.${language === 'ts' ? 'mjs' : moduleKind(code)}`);
  await writeFile(file, script);
  return runToFirstLine(file);
}

const SOON_MS = 3000;
const NEVER_MS = 30_000;

function runToFirstLine(file: string): Promise<Outcome> {
  const { NODE_PATH: _path, NODE_OPTIONS: _options, ...inherited } = process.env;
  return new Promise((resolve, reject) => {
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    const child = spawn(process.execPath, [file], { cwd: dirname(file), env: { ...inherited, PORT: '0' }, stdio });
    let stdout = '';
    let stderr = '';
    let stopped = false;
    let timer = setTimeout(() => child.kill('SIGKILL'), NEVER_MS);
    const stop = () => {
      stopped = true;
      child.kill('SIGKILL');
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (!stdout.includes('\n') && text.includes('\n')) {
        clearTimeout(timer);
        timer = setTimeout(stop, SOON_MS);
      }
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: stopped ? 0 : code, stdout, stderr });
    });
  });
}

function moduleKind(code: string): 'cjs' | 'mjs' {
  return /\brequire\(/.test(code) ? 'cjs' : 'mjs';
}

function optionsOf(folder: string): ts.CompilerOptions {
  const file = ts.findConfigFile(folder, ts.sys.fileExists);
  if (file === undefined) throw new Error(`There is no tsconfig.json for ${folder}.`);
  const { config, error } = ts.readConfigFile(file, ts.sys.readFile);
  if (error !== undefined) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, '\n'));
  return ts.parseJsonConfigFileContent(config, ts.sys, dirname(file)).options;
}
