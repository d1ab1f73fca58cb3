/** 15 of a version number such as 150020 (`server_version_num`). */
export function majorOf(versionNumber: number): number {
  return Math.floor(versionNumber / 10_000);
}
