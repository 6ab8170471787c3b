import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { home } from './home.js';

const MEGABYTE = 1024 * 1024;
const SIZE = 12 * MEGABYTE;

/** A file system of a few megabytes. */
export interface SmallDisk {
  readonly path: string;
  /** Writes a file that takes all that is free. */
  fill(): Promise<void>;
  /** Removes that file. */
  free(): Promise<void>;
  unmount(): void;
}

/** Why a file system cannot be mounted here, or undefined where it can: that takes root, and a container may forbid it. */
export function mountProblem(): string | undefined {
  try {
    mountSmallDisk().unmount();
    return undefined;
  } catch (error) {
    return `a tmpfs cannot be mounted: ${(error as Error).message.split('\n')[0]}`;
  }
}

/** Mounts one, a tmpfs. */
export function mountSmallDisk(): SmallDisk {
  const path = mkdtempSync(join(home(), 'disk-'));
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  run('mount', '-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', path);
  const filler = join(path, 'filler');
  return {
    path,
    async fill() {
      const file = await open(filler, 'w');
      try {
        for (let size = 16 * 4096; ; ) {
          try {
            await file.write(Buffer.alloc(size));
          } catch (error) {
            if ((error as { code?: unknown }).code !== 'ENOSPC') throw error;
            if (size === 4096) return;
            size = 4096;
          }
        }
      } finally {
        await file.close();
      }
    },
    free: () => rm(filler, { force: true }),
    unmount() {
      run('umount', path);
      rmSync(path, { recursive: true });
    },
  };
}
