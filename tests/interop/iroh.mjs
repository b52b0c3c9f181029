// Real iroh, as the tests use it.  The environment's IROH_DIR is the folder that ./setup prints.
import { createRequire } from 'node:module';

export const { Endpoint, EndpointAddr, EndpointId, EndpointTicket, RelayMode, presetMinimal } =
    createRequire(process.env.IROH_DIR + '/')('@number0/iroh/index.js');

// The binding takes and gives plain arrays of numbers.
export const bytes = (text) => [...Buffer.from(text)];
export const text = (array) => Buffer.from(array).toString();

// `key` is a secret key in hex; without one iroh makes a fresh one.
export async function bind(alpns, { addr = '127.0.0.1:0', key } = {}) {
    const builder = Endpoint.builder();
    presetMinimal(builder);
    builder.relayMode(RelayMode.disabled());
    builder.bindAddr(addr);
    if (key) builder.secretKey([...Buffer.from(key, 'hex')]);
    builder.alpns(alpns.map(bytes));
    return builder.bind();
}

// iroh binds an IPv6 socket as well; this is the other one.
export function boundAddr(endpoint) {
    return endpoint.boundSockets().find((socket) => socket.startsWith('127.0.0.1:'));
}
