/** Lowers a graph to an ordered list of steps on an arena. */
package dev.quern.plan;
