export { powerOfTwo } from './power-of-two.js';
export { random } from './random.js';
export { rendezvous } from './rendezvous.js';
export { roundRobin } from './round-robin.js';
export { sticky } from './sticky.js';
export { weighted } from './weighted.js';
export { zoneFirst } from './zone-first.js';
