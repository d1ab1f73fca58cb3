/** What a command's exit code says; API for scripts, listed in `--help` and docs/cli.md. */
export const exitCodes = {
  success: { code: 0, meaning: 'success; for `verify`: every backup was proven; for `compare`: the same' },
  failure: { code: 1, meaning: 'failed; for `check` and `doctor`: something is wrong; for `compare`: different' },
  usage: {
    code: 2,
    meaning: 'the command line or the configuration file is wrong; for `compare`: it could not be compared',
  },
  notProven: { code: 3, meaning: 'a backup is not what the source held' },
  inconclusive: { code: 4, meaning: 'a proof could not be tried here' },
  locked: { code: 5, meaning: 'another run of the same work is under way' },
  refused: { code: 6, meaning: 'refused to protect data: nothing was touched' },
  cancelled: { code: 130, meaning: 'cancelled by a signal' },
} as const;

export function describeExitCodes(): string {
  return Object.values(exitCodes)
    .map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`)
    .join('\n');
}
