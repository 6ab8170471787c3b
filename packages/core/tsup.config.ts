import { defineConfig } from 'tsup';
import { base } from '../../tsup.base';

export default defineConfig({
  ...base,
  entry: { index: 'src/index.ts', adapter: 'src/adapter.ts', takeover: 'src/takeover/index.ts' },
});
