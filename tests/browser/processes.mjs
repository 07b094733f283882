// The programs of these tests: a real code-server, Doorward itself, an OpenID provider, and Chromium. Each is stopped by whoever started it.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { expectEventually } from './expect.mjs';

const ROOT = new URL('../..', import.meta.url).pathname;
const BINARY = process.env.DOORWARD ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug/doorward');

export function temporaryFolder(name) {
  const path = mkdtempSync(join(tmpdir(), `${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A child whose output is kept, and can be waited for. */
class Program {
  output = '';

  constructor(name, command, args, options) {
    this.name = name;
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (chunk) => { this.output += chunk; });
    this.ended = new Promise((resolve) => {
      this.child.on('exit', resolve);
      this.child.on('error', (error) => { this.output += error.message; resolve(); });
    });
  }

  /** What `find` makes of the output, once it makes something of it. */
  async said(find) {
    let found;
    let over = false;
    this.ended.then(() => { over = true; });
    await expectEventually(`${this.name} says what is waited for`, () => {
      found = find(this.output);
      if (over && !found) throw new Error(`${this.name} has ended:\n${this.output}`);
      return found;
    }, 30_000).catch((error) => { throw new Error(`${error.message}\n${this.output}`); });
    return found;
  }

  async stop() {
    this.child.kill('SIGTERM');
    const forced = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await this.ended;
    clearTimeout(forced);
  }
}

const SETTINGS = {
  // The terminal's text is in the document only when the document draws it.
  'terminal.integrated.gpuAcceleration': 'off',
  'terminal.integrated.defaultProfile.linux': 'bash',
  'security.workspace.trust.enabled': false,
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'files.autoSave': 'off',
  'editor.autoClosingBrackets': 'never',
};

/** A real code-server below `folder`, open to whoever reaches its port. */
export async function startEditor(folder) {
  const [home, data, project] = ['home', 'data', 'project'].map((name) => join(folder, name));
  for (const path of [home, project, join(data, 'User')]) mkdirSync(path, { recursive: true });
  writeFileSync(join(data, 'User/settings.json'), JSON.stringify(SETTINGS));
  writeFileSync(join(project, 'hello.txt'), 'first line\n');
  const { PORT: _, ...environment } = process.env;
  const program = new Program('code-server', join(ROOT, '.tools/bin/node'), [
    join(ROOT, '.tools/code-server/node_modules/code-server/out/node/entry.js'),
    '--auth', 'none', '--bind-addr', '127.0.0.1:0', '--user-data-dir', data, '--disable-telemetry', '--disable-update-check', '--ignore-last-opened',
  ], { env: { ...environment, HOME: home, SHELL: '/bin/bash', PATH: `${ROOT}.tools/bin:${process.env.PATH}` } });
  const url = await program.said((output) => /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1]);
  return { url, project, stop: () => program.stop() };
}

/** Doorward with this configuration; `links` has the one-time link of each person in `users`. */
export async function startDoorward(folder, configuration, users) {
  const file = join(folder, 'config.yaml');
  writeFileSync(file, configuration);
  const program = new Program('doorward', BINARY, ['run', '--config', file], {});
  try {
    const links = {};
    for (const user of users) {
      links[user] = await program.said((output) => {
        const after = output.indexOf(user);
        return after >= 0 && /https:\/\/[^\s"]+\/\.doorward\/welcome\?token=[\w.~-]+/.exec(output.slice(after))?.[0];
      });
    }
    const authority = join(folder, 'authority.pem');
    const printed = spawnSync(BINARY, ['certificate', 'authority', '--config', file], { encoding: 'utf8' });
    if (printed.status !== 0) throw new Error(`doorward certificate authority: ${printed.stderr}`);
    writeFileSync(authority, printed.stdout);
    return { links, authority, output: () => program.output, stop: () => program.stop() };
  } catch (error) {
    await program.stop();
    throw error;
  }
}

/** The certified OpenID provider of the other tests, with this client. */
export async function startProvider(client) {
  const program = new Program('openid-provider', join(ROOT, '.tools/bin/node'), [
    join(ROOT, 'tests/counterparts/openid-provider.mjs'), JSON.stringify({ clients: [client] }),
  ], {});
  const { issuer } = JSON.parse(await program.said((output) => /^\{.*\}$/m.exec(output)?.[0]));
  return { issuer, stop: () => program.stop() };
}

/** Chromium that trusts this authority, and finds nothing but this machine. */
export async function startBrowser(folder, authority, { profile, site = 'example.test' } = {}) {
  const home = join(folder, 'browser');
  const database = join(home, '.pki/nssdb');
  mkdirSync(database, { recursive: true });
  const certutil = (...args) => {
    const { status, stderr } = spawnSync('certutil', ['-d', `sql:${database}`, ...args], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`certutil: ${stderr}`);
  };
  certutil('-N', '--empty-password');
  if (authority) certutil('-A', '-t', 'C,,', '-n', 'the local authority', '-i', authority);
  const options = {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    env: { ...process.env, HOME: home },
    args: [
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
      '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-quic',
      `--host-resolver-rules=MAP *.${site} 127.0.0.1,MAP * ~NOTFOUND,EXCLUDE 127.0.0.1`,
    ],
  };
  return profile ? chromium.launchPersistentContext(profile, options) : chromium.launch(options);
}
