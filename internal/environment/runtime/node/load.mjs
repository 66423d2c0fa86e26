// Imports functions' modules. That this is an ES module itself has the loader of
// ES modules ready before a function asks for it.
export const importModule = (url) => import(url);
