import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Hundreds of processes run the same code: those after the first find it compiled. */
export const compileCache = { NODE_COMPILE_CACHE: join(tmpdir(), 'tidyllm-compiled') };
