/** What of the disk is needed below the edges; the real one is `src/node/local-files.ts`. */
export interface Files {
  /** Undefined: there is no such file. Other failures reject. */
  read(path: string): Promise<string | undefined>;
  /** Puts a whole file in the place of the old one, or leaves that as it is. Only this user may read it. */
  replace(path: string, text: string): Promise<void>;
}
