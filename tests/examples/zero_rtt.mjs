// The example zero_rtt, with real iroh in the place of each side.
//
//   zero_rtt.mjs ZERO_RTT
import assert from 'node:assert/strict';

import { EndpointAddr, EndpointId, bind, boundAddr, bytes } from '../interop/iroh.mjs';
import { Program } from '../interop/program.mjs';

const ALPN = '0rtt-pingpong';
const ROUNDS = 5;

const ping = (round) => [0, 0, 0, 0, 0, 0, 0, round];

// iroh resumes from the second round on; its binding sends no early data.
async function irohAsks(zeroRtt) {
    const ours = new Program([zeroRtt]);
    const id = await ours.line('endpoint id: ');
    const endpoint = await bind([]);
    const addr = new EndpointAddr(EndpointId.fromString(id), null, [await ours.line('address: ')]);

    for (let round = 0; round < ROUNDS; round++) {
        const connection = await endpoint.connect(addr, bytes(ALPN));
        const { send, recv } = await connection.openBi();
        await send.writeAll(ping(round));
        await send.finish();
        assert.deepEqual([...await recv.readToEnd(8)], ping(round));
        connection.close(0n, []);
        await connection.closed();
    }
    await endpoint.close();
    ours.process.kill('SIGINT');
    assert.equal(await ours.toEnd(), 'exit status 0');
}

// iroh's TLS takes early data, and its application hears of it after the handshake.
async function irohAnswers(zeroRtt) {
    const endpoint = await bind([ALPN]);
    const ours = new Program(
        [zeroRtt, endpoint.id().toString(), boundAddr(endpoint), '--rounds', ROUNDS]);

    for (let round = 0; round < ROUNDS; round++) {
        const connection = await (await (await endpoint.acceptNext()).accept()).connect();
        const { send, recv } = await connection.acceptBi();
        const asked = await recv.readToEnd(8);
        assert.deepEqual([...asked], ping(round));
        await send.writeAll(asked);
        await send.finish();
        assert.equal(await connection.closed(), 'closed by peer: 0');
    }
    assert.equal(await ours.toEnd(), 'exit status 0');
    const early = Number(await ours.line('rounds with early data: '));
    assert(early >= 1 && early < ROUNDS); // a ticket may come too late for the next round
    await endpoint.close();
}

setTimeout(() => {
    console.error('zero_rtt.mjs still runs after 60 seconds');
    process.exit(1);
}, 60_000);
const [zeroRtt] = process.argv.slice(2);
await irohAsks(zeroRtt);
console.log('ok      iroh asks our zero_rtt');
await irohAnswers(zeroRtt);
console.log('ok      our zero_rtt asks iroh');
process.exit(0);
