// Installs icepie.vsix in a real VS Code, the one of code-server, and runs the cases in it, with a headless Chromium as its
// window. Neither is a dependency, since both are large:
//
//   VSCODE_SERVER   the folder lib/vscode of an installed code-server (npm install code-server)
//   CHROMIUM        a Chromium or Chrome; `chromium` on the PATH if it isn't set
//   PIE             the `pie` to test
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';

const { VSCODE_SERVER: server, CHROMIUM: chromium = 'chromium', PIE: pie } = process.env;
if (!server || !pie) {
  console.error('set VSCODE_SERVER and PIE; see test/vscode-run.mjs');
  process.exit(2);
}

const root = path.join(import.meta.dirname, '..');
const tests = path.join(root, 'dist', 'test');
const { files } = filesOf(path.join(tests, 'cases.js'));
const place = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'pie-vscode-')));
const at = (...parts) => path.join(place, ...parts);
const write = (file, text) => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
};

for (const [name, text] of Object.entries(files)) write(at('project', name), text);
write(at('data', 'data', 'Machine', 'settings.json'), JSON.stringify({ 'pie.path': path.resolve(pie) }));
// The tests are an extension themselves, beside the installed one.
write(path.join(tests, 'package.json'), JSON.stringify({ name: 'tests', publisher: 'icepie', version: '0.0.0', engines: { vscode: '*' } }));

const report = at('report.txt');
const main = [path.join(server, 'out', 'server-main.js'), '--extensions-dir', at('extensions'), '--server-data-dir', at('data')];
const install = spawnSync(process.execPath, [...main, '--install-extension', path.join(root, 'icepie.vsix')], { encoding: 'utf8' });
process.stdout.write(install.stdout + install.stderr);

const port = await freePort();
const options = ['--host', '127.0.0.1', '--port', String(port), '--without-connection-token', '--accept-server-license-terms'];
const host = spawn(process.execPath, [...main, ...options], { env: { ...process.env, PIE_TEST_REPORT: report }, stdio: ['ignore', fs.openSync(at('server.log'), 'w'), 'inherit'] });
await until(() => fs.readFileSync(at('server.log'), 'utf8').includes('Extension host agent started'), 'the server');

const remote = (folder) => `vscode-remote://127.0.0.1:${port}${folder}`;
const payload = [['extensionDevelopmentPath', remote(tests)], ['extensionTestsPath', remote(path.join(tests, 'vscode-runner'))]];
const url = `http://127.0.0.1:${port}/?folder=${encodeURIComponent(at('project'))}&payload=${encodeURIComponent(JSON.stringify(payload))}`;
const window = spawn(chromium, ['--headless=new', '--no-sandbox', '--disable-gpu', `--user-data-dir=${at('chromium')}`, url], { stdio: 'ignore' });

let code = 1;
try {
  await until(() => fs.existsSync(report) && fs.readFileSync(report, 'utf8').endsWith('failed\n'), 'the report', 240);
  const text = fs.readFileSync(report, 'utf8');
  process.stdout.write(text);
  code = text.endsWith(' 0 failed\n') ? 0 : 1;
} finally {
  window.kill();
  host.kill();
  await new Promise((resolve) => setTimeout(resolve, 500));
  if (code === 0) fs.rmSync(place, { recursive: true, force: true, maxRetries: 5 });
  else console.log(`kept ${place}`);
}
process.exit(code);

/** The project of the cases; their module needs `vscode`, which is given an empty one here. */
function filesOf(module) {
  const require = createRequire(import.meta.url);
  const Module = require('node:module');
  const load = Module._load;
  Module._load = (name, ...rest) => (name === 'vscode' ? {} : load(name, ...rest));
  return require(module);
}

async function until(done, what, seconds = 30) {
  const end = Date.now() + seconds * 1000;
  while (!done()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
