export { custom } from './custom.js';
export { goMicro } from './go-micro.js';
export { goNaming } from './go-naming.js';
export { goZero } from './go-zero.js';
export { kratos } from './kratos.js';
