// The tickets of our program echo and those of real iroh: each side reads what the other prints.
//
//   tickets.mjs ECHO
import assert from 'node:assert/strict';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { EndpointAddr, EndpointId, EndpointTicket } from './iroh.mjs';
import { Program, run } from './program.mjs';

const ALPN = 'iroh-example/echo/0';
const SOMEBODY_ELSE = '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c';
const IROH = [process.execPath, fileURLToPath(new URL('iroh_peer.mjs', import.meta.url))];

const [echo] = process.argv.slice(2);

// What iroh reads in a ticket of ours is what we say of us, and iroh would print the same.
function irohReads(ticket, id, addresses) {
    const read = EndpointTicket.fromString(ticket);
    const addr = read.endpointAddr();
    assert.equal(read.toString(), ticket);
    assert.equal(addr.id().toString(), id);
    assert.deepEqual(addr.directAddresses().sort(), [...addresses].sort());
    assert.equal(addr.relayUrl(), null);
}

// iroh dials a ticket of ours, and hangs up with (0, "bye!") when it has its echo.  Returns its id.
async function irohDials(ticket, id, size) {
    const iroh = new Program([...IROH,
        'connect', '--ticket', ticket, '--alpn', ALPN, '--size', size]);
    assert.equal(await iroh.toEnd(), 'exit status 0');
    assert.deepEqual(iroh.events.slice(1), [
        { event: 'connected', remote: id, alpn: ALPN },
        { event: 'echoed', streams: 1, bytes: size, equal: true },
        { event: 'closed', error: 'closed' },
    ]);
    return iroh.events[0].id;
}

async function irohDialsOurTicket() {
    const ours = new Program([echo, 'listen', '--bind', '127.0.0.1:0']);
    const id = await ours.line('endpoint id  ');
    const ticket = await ours.line('ticket       ');
    irohReads(ticket, id, [await ours.line('address      ')]);
    const callers = [await irohDials(ticket, id, 13), await irohDials(ticket, id, 1_000_000)];

    await ours.until(() => ours.lines.length >= 7);
    ours.process.kill('SIGINT');
    assert.equal(await ours.toEnd(), 'exit status 0');
    assert.deepEqual(ours.lines.slice(3), [
        `accepted connection from ${callers[0]}`, 'Copied over 13 byte(s)',
        `accepted connection from ${callers[1]}`, 'Copied over 1000000 byte(s)',
    ]);
}

// Every address that this machine has; and what we hear of iroh's end.
async function irohDialsOurTicketOfEverywhere() {
    const ours = new Program([echo, 'listen', '--once', '--json']);
    await ours.line('{"event":"listening"');
    const { id, ticket, addresses } = ours.events[0];
    irohReads(ticket, id, addresses);
    const caller = await irohDials(ticket, id, 13);

    assert.equal(await ours.toEnd(), 'exit status 0');
    assert.deepEqual(ours.events.at(-1),
        { event: 'closed', id: caller, reason: 'closed by peer (code 0): bye!' });
}

// An echo of iroh's, and its ticket.
async function irohListens() {
    const iroh = new Program([...IROH, 'accept', '--alpn', ALPN], 'pipe');
    await iroh.line('{"event":"bound"');
    return [iroh, iroh.events[0].ticket];
}

async function irohEnds(iroh) {
    iroh.process.stdin.end();
    assert.equal(await iroh.toEnd(), 'exit status 0');
}

async function weDialTheTicketOfIroh() {
    const [iroh, ticket] = await irohListens();
    assert.deepEqual(run([echo, 'connect', ticket, 'Hello, world!']),
        { status: 0, stdout: Buffer.from('Hello, world!\n'), stderr: '' });

    const folder = mkdtempSync(join(tmpdir(), 'tickets-'));
    process.on('exit', () => rmSync(folder, { recursive: true }));
    const data = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * 7 + (i >> 8)) & 255));
    writeFileSync(join(folder, 'data'), data);
    const copy = run([echo, 'connect', '--quiet', ticket], openSync(join(folder, 'data')));
    assert.equal(copy.stderr, '');
    assert.equal(copy.status, 0);
    assert(copy.stdout.equals(data), 'another 1 MB came back');

    // A slow machine has also called a second address of the ticket: that one ends otherwise.
    const goodbyes = () =>
        iroh.events.filter(({ error }) => error === 'closed by peer: bye! (code 0)');
    await iroh.until(() => goodbyes().length >= 2);
    await irohEnds(iroh);
    assert.equal(goodbyes().length, 2);
}

async function weDialTheTicketOfSomebodyElse() {
    const [iroh, ticket] = await irohListens();
    const addresses = EndpointTicket.fromString(ticket).endpointAddr().directAddresses();
    const wrong = new EndpointAddr(EndpointId.fromString(SOMEBODY_ELSE), null, addresses);
    const call = run([echo, 'connect', EndpointTicket.fromAddr(wrong).toString(), 'secret']);
    assert.equal(call.stderr, `echo: cannot connect to ${SOMEBODY_ELSE.slice(0, 10)}: connection ` +
        "error (code 0x130): the peer's key is not the one that was dialled\n");
    assert.equal(call.status, 4);
    assert.equal(call.stdout.length, 0);

    await irohEnds(iroh);
    assert(!iroh.events.some(({ event }) => event === 'accepted'), 'iroh has a connection');
}

await irohDialsOurTicket();
console.log('ok      iroh dials our ticket');
await irohDialsOurTicketOfEverywhere();
console.log('ok      iroh dials our ticket with every address');
await weDialTheTicketOfIroh();
console.log("ok      we dial iroh's ticket");
await weDialTheTicketOfSomebodyElse();
console.log("ok      we dial iroh's address with another id");
