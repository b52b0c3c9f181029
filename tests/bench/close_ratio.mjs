// How long real iroh takes to close when its peer is ours, beside a peer that is iroh.
//
//   tests/interop/run tests/bench/close_ratio.mjs build/tests/interop/interop_peer [ROUNDS]
//
// A round is, for each of the two peers in turn: bind, connect, echo, close, endpoint.close(); what
// counts is the time from the close on.  It fails if a round does, and never because of a time: the
// ratio of the medians, which is to be below 2, is for whoever reads it.  At the end our own side
// closes, against both peers: the time from the end of its connection to its exit.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { EndpointAddr, EndpointId, bind, bytes, text } from '../interop/iroh.mjs';
import { Program } from '../interop/program.mjs';

const ALPN = 'iroh-example/echo/0';
const IROH_PEER = fileURLToPath(new URL('../interop/iroh_peer.mjs', import.meta.url));

async function startToAccept(command) {
    const peer = new Program([...command, 'accept', '--alpn', ALPN], 'pipe');
    await peer.until(() => peer.lines.length > 0);
    assert(peer.events[0]?.event === 'bound', `${command}: ${peer.ended}`);
    return { peer, addr: peer.events[0].addr, id: peer.events[0].id };
}

// The milliseconds that iroh takes to close, after an echo.
async function irohCloses({ id, addr }) {
    const endpoint = await bind([]);
    const to = new EndpointAddr(EndpointId.fromString(id), null, [addr]);
    const connection = await endpoint.connect(to, bytes(ALPN));
    const { send, recv } = await connection.openBi();
    await send.writeAll(bytes('Hello, world!'));
    await send.finish();
    assert.equal(text(await recv.readToEnd(100)), 'Hello, world!');
    const start = performance.now();
    connection.close(0n, bytes('bye!'));
    await endpoint.close();
    return performance.now() - start;
}

async function oursCloses(ourPeer, { id, addr }) {
    const peer = new Program([ourPeer, 'connect', '--alpn', ALPN, '--id', id, '--addr', addr]);
    await peer.line('{"event":"closed"');
    const start = performance.now();
    assert.equal(await peer.toEnd(), 'exit status 0');
    return performance.now() - start;
}

function median(times) {
    const sorted = [...times].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
}

async function main(ourPeer, rounds = '15') {
    process.setMaxListeners(0); // each program that runs has one
    const ours = await startToAccept([ourPeer]);
    const iroh = await startToAccept([process.execPath, IROH_PEER]);
    const times = { irohToOurs: [], irohToIroh: [], oursToOurs: [], oursToIroh: [] };

    for (let i = 0; i < Number(rounds); i++) {
        times.irohToOurs.push(await irohCloses(ours));
        times.irohToIroh.push(await irohCloses(iroh));
        times.oursToOurs.push(await oursCloses(ourPeer, ours));
        times.oursToIroh.push(await oursCloses(ourPeer, iroh));
    }
    for (const [what, list] of Object.entries(times)) {
        console.log(`${what}: median ${median(list).toFixed(2)} ms, ${list.length} closed`);
    }
    console.log(`irohToOurs / irohToIroh: ` +
        `${(median(times.irohToOurs) / median(times.irohToIroh)).toFixed(2)}`);
    for (const { peer } of [ours, iroh]) {
        peer.process.stdin.end();
        assert.equal(await peer.toEnd(), 'exit status 0');
    }
    process.exit(0);
}

await main(...process.argv.slice(2));
