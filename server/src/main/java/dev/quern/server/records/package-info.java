/**
 * Telemetry and schedule records: the schema that everything from outside must pass, the store that
 * keeps what it acknowledged, and the choice of the best schedule. Holds numbers and coarse facts
 * about devices, never inputs, outputs or addresses.
 */
package dev.quern.server.records;
