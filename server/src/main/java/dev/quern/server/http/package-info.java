/**
 * What HTTP asks of a server of large immutable files: conditional requests, byte ranges, content
 * negotiation, problems as JSON. Knows nothing of models or records; {@code weights}, {@code
 * records} and the handlers stand on it.
 */
package dev.quern.server.http;
