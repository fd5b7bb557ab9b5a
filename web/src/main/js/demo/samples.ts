/** What the page begins with: everyday sentences, some about the same thing in different words. */
export const SAMPLE_LINES = [
  'Ask a neighbour to water the garden during your holiday.',
  'The last train to the coast leaves at half past nine.',
  'Let the dough rest overnight in the fridge for a deeper flavour.',
  'A self-watering pot can look after ferns for two weeks.',
  'Our team meets every Tuesday morning to plan the week.',
  'Soak dried beans before cooking and they soften in half the time.',
  'The museum is free for visitors under eighteen.',
  'Back up your photos before you install the update.',
  'Gentle stretching helps a stiff back after a day at the desk.',
  'Heavy rain closed the mountain road until Friday.',
  'Move houseplants away from the window if they get too much sun.',
  'She learned to play the cello when she was fifty.',
];
