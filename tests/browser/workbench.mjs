// What a person does in the editor, through its keyboard and its screen.
import { expectEventually } from './expect.mjs';

export class Workbench {
  sockets = [];

  constructor(page) {
    this.page = page;
    page.on('websocket', (socket) => {
      const seen = { url: socket.url(), open: true };
      this.sockets.push(seen);
      socket.on('close', () => { seen.open = false; });
    });
    // The sockets of a page that is left go with it, and no event says so.
    page.on('framenavigated', (frame) => {
      if (frame === page.mainFrame()) this.sockets = [];
    });
  }

  async open(url) {
    await this.page.goto(url);
    await this.page.locator('.monaco-workbench .explorer-folders-view').waitFor({ timeout: 60_000 });
  }

  async openFile(name) {
    await this.page.locator(`.explorer-folders-view .monaco-list-row[aria-label^="${name}"]`).dblclick();
    await this.page.locator(`.tab.active[data-resource-name="${name}"]`).waitFor();
    await this.page.locator('.editor-instance .monaco-editor .view-lines').waitFor();
  }

  async typeAtEnd(text) {
    await this.page.locator('.editor-instance .monaco-editor .view-lines').click();
    await this.page.keyboard.press('Control+End');
    await this.page.keyboard.type(text, { delay: 20 });
    await this.page.keyboard.press('Control+s');
    await this.page.locator('.tab.active:not(.dirty)').waitFor();
  }

  async openTerminal() {
    await this.page.keyboard.press('Control+`');
    await this.page.locator('.terminal-wrapper.active .xterm-helper-textarea').waitFor({ state: 'attached', timeout: 30_000 });
    await expectEventually('a prompt in the terminal', async () => /[$#]/.test(await this.terminalText()));
  }

  async runInTerminal(command) {
    await this.page.locator('.terminal-wrapper.active .xterm-screen').click();
    await this.page.keyboard.type(`${command}\n`, { delay: 20 });
  }

  async terminalText() {
    const text = await this.page.locator('.terminal-wrapper.active .xterm-rows').innerText();
    return text.replaceAll('\u00a0', ' ');
  }

  openSockets() {
    return this.sockets.filter(({ open }) => open).length;
  }

  /** The connection to the machine, and the one of the extensions; the second comes when the screen is there already. */
  async connected() {
    await expectEventually('the editor holds two WebSockets', () => this.openSockets() >= 2);
  }
}
