// Compares ./bench with its peers, in one run, and prints a table of ratios.
//
//   compare.mjs BENCH [--rounds 7] [--peer NAME=COMMAND]... [--json FILE] [ROW]...
//
// Machines are shared and noisy, so no figure stands alone: in each round ours and the peers run one
// after the other, in turned order, and what counts is the median of the rounds' ratios.  A ratio
// above 1 is better for throughput and rates, below 1 for times and sizes.  Where they spread over
// more than a quarter the row says so: run it again.
//
// Peers: the kernel alone (`bench udp`), ngtcp2's own client and server (./ngtcp2_bench), real iroh
// (./iroh_bench.mjs and ./iroh_demo.mjs, where npm can install it), and with --peer any program that
// takes the words of ./bench and prints its members; the goals know `noq` and `quinn` by name.  A
// peer that ends with status 77 is not to be had here, and is left out with a line on standard error.
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options, positionals: [bench, ...chosen] } = parseArgs({
    allowPositionals: true,
    options: {
        rounds: { type: 'string', default: '7' },
        peer: { type: 'string', multiple: true, default: [] },
        json: { type: 'string' },
    },
});
const rounds = Number(options.rounds);
if (!bench || !Number.isInteger(rounds) || rounds < 1) {
    console.error('usage: compare.mjs BENCH [--rounds N] [--peer NAME=COMMAND]... [--json FILE] [ROW]...');
    process.exit(2);
}

const measure = join(dirname(bench), 'measure');
const echo = join(dirname(bench), '../../echo');
const size = `${here}/size`;
const inNamespace = `${here}/../interop/run`;
const skipped = 77; // the exit status

// Peers: the command of one that takes the row's words is completed by them.
const kernel = (mtu) => ({ name: 'UDP', command: [bench, 'udp', '--mtu', mtu] });
const ngtcp2 = { name: 'ngtcp2', command: [`${here}/ngtcp2_bench`], takesWords: true };
const iroh = { name: 'iroh', command: [inNamespace, `${here}/iroh_bench.mjs`], takesWords: true };
const irohDemo = { name: 'iroh', command: [inNamespace, `${here}/iroh_demo.mjs`, measure] };
const irohLibrary = { name: 'iroh', command: [size, findIrohLibrary()] };
const fewIdle = {
    name: '10 open', command: [bench, 'idle', '--idle', '10', '--count', '20000', '--one-core'],
};
const others = options.peer.map((text) => {
    const [name, command] = text.split(/=(.*)/s);
    return { name, command: command.split(' '), takesWords: true };
});

const withAes = { name: 'AES', command: [bench, 'download'] };

// What is measured: the words of ./bench (or a command of its own), the peers that can do it, and the
// members that count. Each has, as [excellent, goal], what the ratio to the peer of that name should
// reach; `own` is for the figure itself, in its own unit.
const bulkGoals = { noq: [1.6, 2.2] };
const rows = [
    {
        name: 'download', words: ['download'], peers: [kernel('1452'), ngtcp2, ...others],
        members: { gbps: { ...bulkGoals, UDP: [0.25, 0.33] } },
    },
    {
        name: 'download, ChaCha20', words: ['download', '--chacha'], peers: [withAes], members: { gbps: {} },
    },
    {
        name: 'upload', words: ['upload'], peers: [kernel('1452'), ngtcp2, ...others],
        members: { gbps: bulkGoals },
    },
    {
        name: 'echo', words: ['echo', '--size', '300000000'], peers: [kernel('1452'), ...others],
        members: { gbps: { noq: [1.7, 2.3], quinn: [1.7, 2.3] } },
    },
    {
        name: 'download, 64 KB packets', words: ['download', '--mtu', '65507', '--size', '1000000000'],
        peers: [kernel('65000')], members: { gbps: { UDP: [0.5, 0.6] } },
    },
    {
        name: 'echo, 64 KB packets', words: ['echo', '--mtu', '65507', '--size', '1000000000'],
        peers: [kernel('65000'), ...others], members: { gbps: { noq: [4, 5] } },
    },
    {
        name: 'connect and small echo', words: ['connect', '--count', '300', '--one-core'],
        peers: [iroh, ...others], members: { p50_us: { iroh: [0.7, 0.55], noq: [1.0, 0.8] } },
    },
    {
        name: 'handshakes, 16 at a time', words: ['connect', '--count', '600', '--at-once', '16'],
        peers: [iroh, ...others], members: { per_second: {} },
    },
    {
        name: 'handshakes, 32 at a time', words: ['connect', '--count', '600', '--at-once', '32'],
        peers: [iroh, ...others], members: { per_second: { noq: [1.0, 1.3] } },
    },
    {
        name: 'small echo', words: ['small', '--count', '3000', '--one-core'],
        peers: [iroh, ...others], members: { p50_us: { noq: [0.65, 0.45] }, p99_us: { noq: [0.7, 0.5] } },
    },
    {
        name: 'streams, 100 at a time', words: ['streams', '--count', '300000'], peers: others,
        members: { per_second: { noq: [2.5, 4] } },
    },
    {
        name: 'idle connection', words: ['idle', '--idle', '2000', '--count', '1000'], peers: [],
        members: { bytes_per_connection: { own: [49e3, 21e3] } },
    },
    {
        name: 'small echo, 10,000 open',
        words: ['idle', '--idle', '10000', '--count', '20000', '--one-core'],
        peers: [fewIdle], members: { p50_us: { '10 open': [1.3, 1.1] } },
    },
    {
        name: './echo, start to end', command: [measure, echo], peers: [irohDemo],
        members: { seconds: { iroh: [0.1, 0.05] }, resident_bytes: { own: [9e6, 6e6] } },
    },
    {
        name: 'echo, stripped', command: [size, echo], peers: irohLibrary.command[1] ? [irohLibrary] : [],
        members: { bytes: { own: [5.8e6, 3.3e6] } },
    },
];
const moreIsBetter = ['gbps', 'per_second'];

// The command's object, or null if it is not to be had here.
function run(command) {
    const { status, stdout, stderr, error } = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
    if (status === skipped) {
        console.error(`compare: left out: ${stderr.trim().split('\n').at(-1)}`);
        return null;
    }
    if (status !== 0) {
        throw new Error(`${command.join(' ')}: ${error?.message ?? (stderr.trim() || `status ${status}`)}`);
    }
    return JSON.parse(stdout.trim().split('\n').at(-1));
}

// The path of its binding, or none.
function findIrohLibrary() {
    const { status, stdout } = spawnSync(`${here}/../interop/setup`, { encoding: 'utf8' });
    const folder = stdout.trim();
    const name = status === 0 && readdirSync(folder, { recursive: true }).find((path) => path.endsWith('.node'));
    return name ? join(folder, name) : '';
}

const sorted = (list) => [...list].sort((a, b) => a - b);
const median = (list) => sorted(list)[list.length >> 1];
const sum = (list) => list.reduce((a, b) => a + b, 0);

// Runs everybody once in each round: an array of objects for us and for each peer that is here.
function play(row) {
    const sides = [{ command: row.command ?? [bench, ...row.words] }, ...row.peers.map((peer) => ({
        peer, command: [...peer.command, ...(peer.takesWords ? row.words : [])],
    }))].map((side) => ({ ...side, said: [] }));
    const absent = new Set();

    for (let round = 0; round < rounds; round++) {
        for (const side of round % 2 ? [...sides].reverse() : sides) {
            const said = absent.has(side) ? null : run(side.command);
            if (said) side.said.push(said);
            else absent.add(side);
        }
    }
    return sides.filter((side) => !absent.has(side));
}

// What the work cost both our sides, in the median: processor seconds for each GB, or microseconds for
// each thing done.
function cost(objects) {
    const [{ cpu_seconds: spent, bytes, count, idle }] = objects;
    const each = (number) => median(objects.map((said) => sum(said.cpu_seconds) / number));
    if (spent === undefined || idle || !(bytes || count)) return '';
    return bytes ? `${each(bytes / 1e9).toFixed(2)} s/GB` : `${(each(count) * 1e6).toFixed(0)} µs`;
}

function judge([excellent, goal], value, more) {
    const reaches = (bound) => (more ? value >= bound : value <= bound);
    return reaches(goal) ? 'goal' : reaches(excellent) ? 'excellent' : 'no';
}

// One row of the table: a member, beside a peer or alone.
function result(row, member, goals, ours, peer) {
    const value = median(ours.said.map((said) => said[member]));
    const line = {
        row: row.name, member, ours: value, processor: cost(ours.said), rounds: ours.said.length,
    };
    let goal = goals.own;
    if (peer) {
        const theirs = peer.said.map((said) => said[member]);
        const ratios = sorted(ours.said.map((said, i) => said[member] / theirs[i]));
        Object.assign(line, {
            peer: peer.peer.name, theirs: median(theirs),
            ratio: median(ratios), from: ratios[0], to: ratios.at(-1),
        });
        goal ??= goals[line.peer];
    }
    if (!goal) return line;
    const judged = goals.own ? value : line.ratio;
    return {
        ...line, goal_is_for: goals.own ? 'ours' : 'ratio', excellent: goal[0], goal: goal[1],
        reaches: judge(goal, judged, moreIsBetter.includes(member)),
    };
}

const units = {
    gbps: ['Gbit/s', 1], per_second: ['per second', 1], p50_us: ['p50, µs', 1], p99_us: ['p99, µs', 1],
    seconds: ['ms', 1e3], bytes_per_connection: ['KB', 1e-3], resident_bytes: ['peak MB', 1e-6],
    bytes: ['MB', 1e-6],
};

function print(line) {
    const [unit, factor] = units[line.member];
    const figure = (value) => (value === undefined ? '' : Number((value * factor).toPrecision(4)).toString());
    const ratio = (value) => value?.toPrecision(value < 0.1 ? 1 : value < 10 ? 2 : 3) ?? '';
    const bound = (value) => (line.goal_is_for === 'ours' ? `${figure(value)} ${unit.split(' ').at(-1)}` : value ?? '');
    const wide = line.to / line.from > 1.5 ? ' (spread too wide)' : '';
    console.log(`| ${[
        line.row, unit, figure(line.ours), line.processor, line.peer ?? '', figure(line.theirs),
        ratio(line.ratio), line.ratio === undefined ? '' : `${ratio(line.from)} to ${ratio(line.to)}${wide}`,
        bound(line.excellent), bound(line.goal), line.reaches ?? '',
    ].join(' | ')} |`);
}

const results = [];
console.log('| work | in | ours | processor | peer | its | ratio | from, to | excellent | goal | reached |');
console.log('|---|---|---|---|---|---|---|---|---|---|---|');
for (const row of rows.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) {
    const [ours, ...peers] = play(row);
    for (const [member, goals] of Object.entries(row.members)) {
        for (const peer of peers.length > 0 ? peers : [undefined]) {
            const line = result(row, member, goals, ours, peer);
            results.push(line);
            print(line);
        }
    }
}
if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 1) + '\n');
