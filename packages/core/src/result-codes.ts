// The primary codes by number, and what the extended ones add (sqlite.org/rescode.html).
const PRIMARY =
  'OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB'.split(
    ' ',
  );
const EXTENDED: Readonly<Record<string, readonly string[]>> = {
  BUSY: ['RECOVERY', 'SNAPSHOT', 'TIMEOUT'],
  CONSTRAINT: 'CHECK COMMITHOOK FOREIGNKEY FUNCTION NOTNULL PRIMARYKEY TRIGGER UNIQUE VTAB ROWID PINNED DATATYPE'.split(
    ' ',
  ),
};

/** Calls `node:sqlite`, whose errors have a number, and gives them the code that other drivers give: `SQLITE_BUSY`. */
export function withCode<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const { errcode } = error as { errcode?: unknown };
    throw typeof errcode === 'number' ? Object.assign(error as Error, { code: nameOf(errcode) }) : error;
  }
}

function nameOf(errcode: number): string {
  const primary = PRIMARY[errcode & 255] ?? 'ERROR';
  const detail = EXTENDED[primary]?.[(errcode >> 8) - 1];
  return `SQLITE_${detail === undefined ? primary : `${primary}_${detail}`}`;
}
