import { mergeConfig } from 'vitest/config';
import base from '../../vitest.base.ts';
import { CarriedTable } from './test/carried-table.ts';

export default mergeConfig(base, { test: { reporters: [new CarriedTable()] } });
