import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/**
 * The program that the setting `pie.path` names, or else the first `pie` on PATH. A `target/debug/pie` that happens to lie
 * in the folder is never taken: a build of icepie itself must not decide what its developers' editor runs.
 */
export function findBinary(setting: string, folder: string | undefined, searchPath: string): string | undefined {
  const wanted = setting.trim().replace(/^~(?=$|[\\/])/, os.homedir());
  if (/[\\/]/.test(wanted)) return executable(path.resolve(folder ?? os.homedir(), wanted));
  for (const place of searchPath.split(path.delimiter)) {
    const found = place && executable(path.resolve(place, wanted || 'pie'));
    if (found) return found;
  }
  return undefined;
}

function executable(file: string): string | undefined {
  const names = process.platform === 'win32' ? [file, `${file}.exe`] : [file];
  return names.find((name) => {
    try {
      fs.accessSync(name, fs.constants.X_OK);
      return fs.statSync(name).isFile();
    } catch {
      return false;
    }
  });
}
