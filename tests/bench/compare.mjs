// Compares ./bench with its peers, in one run, and prints a table of ratios.
//
//   compare.mjs BENCH [--rounds 7] [--peer NAME=COMMAND]... [--json FILE] [ROW]...
//
// Machines are shared and noisy, so no figure stands alone: in each round ours and the peer run one
// after the other, in turned order, and what counts is the median of the rounds' ratios.  A ratio
// above 1 is better for throughput and rates, below 1 for times and sizes.  Where they spread over
// more than a quarter the row says so: run it again.
//
// Peers: the kernel alone (`bench udp`), real iroh (./iroh_bench.mjs, where npm can install it), and
// any program that takes the words of ./bench and prints its members.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
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

const kernel = { name: 'UDP', command: [bench, 'udp'], words: false };
const iroh = { name: 'iroh', command: [`${here}/../interop/run`, `${here}/iroh_bench.mjs`], words: true };
const others = options.peer.map((text) => {
    const [name, command] = text.split(/=(.*)/s);
    return { name, command: command.split(' '), words: true };
});

// What is measured: the words for both, the member that counts, and the peers that can do it.
const rows = [
    { name: 'download', words: ['download'], member: 'gbps', peers: [kernel, ...others] },
    { name: 'upload', words: ['upload'], member: 'gbps', peers: [kernel, ...others] },
    { name: 'echo', words: ['echo'], member: 'gbps', peers: [kernel, ...others] },
    {
        name: 'download-64k', words: ['download', '--mtu', '65507', '--size', '1000000000'],
        member: 'gbps', peers: [{ ...kernel, command: [bench, 'udp', '--mtu', '65000'] }, ...others],
    },
    {
        name: 'echo-64k', words: ['echo', '--mtu', '65507', '--size', '1000000000'],
        member: 'gbps', peers: [{ ...kernel, command: [bench, 'udp', '--mtu', '65000'] }, ...others],
    },
    { name: 'connect', words: ['connect', '--count', '300'], member: 'p50_us', peers: [iroh, ...others] },
    {
        name: 'connect-32', words: ['connect', '--count', '600', '--at-once', '32'],
        member: 'per_second', peers: [iroh, ...others],
    },
    {
        name: 'small-p50', words: ['small', '--count', '3000', '--one-core'],
        member: 'p50_us', peers: [iroh, ...others],
    },
    {
        name: 'small-p99', words: ['small', '--count', '3000', '--one-core'],
        member: 'p99_us', peers: [iroh, ...others],
    },
    {
        name: 'idle-10000', words: ['idle', '--idle', '10000', '--one-core'], member: 'p50_us',
        peers: [{ name: '10 idle', command: [bench, 'idle', '--idle', '40', '--one-core'], words: false }],
    },
    { name: 'streams', words: ['streams'], member: 'per_second', peers: others },
];

function measure(command, member) {
    const { status, stdout, stderr } = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr.trim() || `status ${status}`}`);
    return JSON.parse(stdout.trim().split('\n').at(-1))[member];
}

const sorted = (list) => [...list].sort((a, b) => a - b);
const median = (list) => sorted(list)[list.length >> 1];

function compare(row, peer) {
    const ours = [];
    const theirs = [];
    const sides = [
        () => ours.push(measure([bench, ...row.words], row.member)),
        () => theirs.push(measure([...peer.command, ...(peer.words ? row.words : [])], row.member)),
    ];
    for (let round = 0; round < Number(options.rounds); round++) {
        (round % 2 ? sides.slice().reverse() : sides).forEach((side) => side());
    }
    const ratios = sorted(ours.map((value, i) => value / theirs[i]));
    return {
        row: row.name, member: row.member, peer: peer.name, ours: median(ours), theirs: median(theirs),
        ratio: median(ratios), from: ratios[0], to: ratios.at(-1), rounds: ratios.length,
    };
}

const results = [];
console.log('| work | member | ours | peer | its | ratio | from | to |');
console.log('|---|---|---|---|---|---|---|---|');
for (const row of rows.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) {
    for (const peer of row.peers) {
        const result = compare(row, peer);
        const { ours, theirs, ratio, from, to } = result;
        results.push(result);
        console.log(`| ${row.name} | ${row.member} | ${ours.toPrecision(4)} | ${peer.name} | ` +
            `${theirs.toPrecision(4)} | ${ratio.toFixed(2)} | ${from.toFixed(2)} | ${to.toFixed(2)} |` +
            (to / from > 1.5 ? ' spread too wide' : ''));
    }
}
if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 1) + '\n');
