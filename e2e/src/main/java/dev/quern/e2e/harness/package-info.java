/**
 * What stands between a command or a test and the page: a small local server in front of Quern's
 * own, and the calls of the harness page that loads the SDK.
 *
 * <p>Invariants: bytes travel over HTTP, not through a driver's evaluate, which cannot return typed
 * arrays; the server listens on the loopback interface only and ends with its owner.
 *
 * <p>Place in the order: uses {@code browser} and {@code data}; the commands use it.
 */
package dev.quern.e2e.harness;
