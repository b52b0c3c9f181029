// Programs that a test runs.  Each ends within a minute, even if the test does not.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

const bounded = (command) => ['timeout',
    ['--foreground', '--kill-after=10', '60', ...command.map(String)]];

// A program that runs meanwhile, and the lines that it has said.
export class Program {
    constructor(command, stdin = 'ignore') {
        this.lines = [];
        this.wake = () => {};
        this.process = spawn(...bounded(command), { stdio: [stdin, 'pipe', 'inherit'] });
        createInterface(this.process.stdout).on('line', (line) => {
            this.lines.push(line);
            this.wake();
        });
        this.process.on('error', (error) => this.end(error.message));
        this.process.on('close', (status, signal) => this.end(signal ?? `exit status ${status}`));
        process.on('exit', () => this.process.kill());
    }

    end(how) {
        this.ended ??= how;
        this.wake();
    }

    // Waits for the program to end, or to have said enough.
    async until(enough) {
        while (this.ended === undefined && !enough()) {
            await new Promise((resolve) => { this.wake = resolve; });
        }
    }

    // Waits for its end.  Returns how that was.
    async toEnd() {
        await this.until(() => false);
        return this.ended;
    }

    // Waits until it has said so many of these events.  What a peer hears of another comes when it
    // comes: a program that is ended at once, because the other one has ended, may not say it.
    async said(name, count = 1) {
        await this.until(() =>
            this.events.filter(({ event }) => event === name).length >= count);
    }

    // The line that begins like this, once it is there, without its beginning.
    async line(beginning) {
        const find = () => this.lines.find((line) => line.startsWith(beginning));
        await this.until(() => find() !== undefined);
        assert(find() !== undefined, `ended (${this.ended}) without "${beginning}"`);
        return find().slice(beginning.length);
    }

    // Its lines, if it says JSON.
    get events() {
        return this.lines.map((line) => JSON.parse(line));
    }
}

// Runs a program to its end: { status, stdout, stderr }.
export function run(command, stdin = 'ignore') {
    const { error, signal, status, stdout, stderr } =
        spawnSync(...bounded(command), { stdio: [stdin, 'pipe', 'pipe'], maxBuffer: Infinity });
    assert.ifError(error);
    return { status: signal ?? status, stdout, stderr: stderr.toString() };
}
