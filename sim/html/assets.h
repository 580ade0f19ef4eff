/* The page's style, its script, and what the browser is told to allow: these two and nothing else. */
#ifndef ASSETS_H
#define ASSETS_H

extern const char asset_style[], asset_print_style[];
extern const char asset_script[]; /* adds sorting to tables of class "sort"; nothing is missing without it */
extern const char asset_policy[]; /* Content-Security-Policy, which has the script's SHA-256 */

#endif
