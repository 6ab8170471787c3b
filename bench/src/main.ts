import { closeAll } from './cleanup.js';
import { benchHttp } from './commands/http.js';
import { benchMemory } from './commands/memory.js';
import { benchScale } from './commands/scale.js';
import { benchSelf } from './commands/self.js';
import { benchStores } from './commands/store.js';
import { type Command, type Flags, PROFILING, readFlags, USAGE } from './flags.js';
import { surviveStores } from './load.js';
import { busy } from './machine.js';
import { pictureOf } from './pictures.js';
import { publish } from './publish.js';
import { readResults, writeReport, writeText } from './results.js';
import { print } from './run.js';
import { targetsOf, targetsText } from './targets.js';

const benches = {
  async store(flags: Flags) {
    const report = await benchStores(flags);
    print(writeReport(flags.out, report));
    if (report.rows.length > 0) print(writeText(flags.out, 'speed.svg', pictureOf(report)));
  },
  http: async (flags: Flags) => print(writeReport(flags.out, await benchHttp(flags))),
  scale: async (flags: Flags) => print(writeReport(flags.out, await benchScale(flags))),
  memory: async (flags: Flags) => print(writeReport(flags.out, await benchMemory(flags))),
  self: async (flags: Flags) => print(writeReport(flags.out, await benchSelf(flags))),
};

const commands: Record<Command, (flags: Flags) => unknown> = {
  ...benches,
  async all(flags) {
    if (flags.rows ?? flags.clients) throw new Error('all: --rows and --clients mean another thing to each command.');
    for (const bench of [benches.store, benches.http, benches.scale, benches.memory]) await bench(flags);
    commands.targets(flags);
  },
  targets: ({ out }) => print(targetsText(targetsOf(readResults(out)))),
  publish: ({ out }) => print(publish(readResults(out)).join('\n')),
};

function asked(): Flags {
  try {
    return readFlags(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}

const flags = asked();
if (flags.help || flags.profile) {
  print(flags.help ? USAGE : PROFILING);
} else {
  surviveStores();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void closeAll().finally(() => process.exit(130)));
  }
  const warning = flags.command in benches || flags.command === 'all' ? busy() : undefined;
  if (warning !== undefined && !flags.quick) print(warning);
  try {
    await commands[flags.command](flags);
  } catch (error) {
    console.error(error);
    await closeAll();
    process.exit(1);
  }
}
