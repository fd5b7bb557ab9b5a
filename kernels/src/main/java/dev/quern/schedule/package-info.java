/** Schedules as values, their legality and the heuristic; depends on nothing of ours. */
package dev.quern.schedule;
