/** What the page begins with: everyday sentences, some about the same thing in different words. */
export const SAMPLE_LINES = [
  'Ask a neighbour to water the garden during your holiday.',
  'The last train to the coast leaves at half past nine.',
  'Let the dough rest overnight in the fridge for a deeper flavour.',
  'Self-watering pots keep ferns moist for two weeks.',
  'Our team meets every Tuesday morning to plan the week.',
  'Soak dried beans before cooking and they soften in half the time.',
  'The museum is free for visitors under eighteen.',
  'Back up your photos before you install the update.',
  'Gentle stretching helps a stiff back after a day at the desk.',
  'Sunflowers turn towards the light during the day.',
  'Put the ferns in the bathtub with a little water before you leave.',
  'She learned to play the cello when she was fifty.',
];

/** Queries that share few words with the line they find. */
export const SAMPLE_QUERIES = ['sore after sitting all day', 'losing my pictures', 'learning late'];
