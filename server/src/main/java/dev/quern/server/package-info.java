/**
 * The HTTP server and its command line; the last stage before the browser tests. {@link
 * dev.quern.server.App} wires stores, handlers and routes in one place; handlers throw, and one
 * mapper writes problems as JSON.
 */
package dev.quern.server;
