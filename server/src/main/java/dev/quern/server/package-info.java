/** The HTTP server and its command line. */
package dev.quern.server;
