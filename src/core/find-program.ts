import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Path of a program on the search path (`PATH`); undefined when it is not installed. */
export async function findProgram(name: string, searchPath: string): Promise<string | undefined> {
  for (const directory of searchPath.split(delimiter).filter((one) => one !== '')) {
    const path = join(directory, name);
    const executable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return path;
  }
  return undefined;
}
