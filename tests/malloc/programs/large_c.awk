# Prints a C program of n functions (-v n=200) that call each other and have something in them for each pass.
function rnd(limit) {
    x = (x * 69069 + 12345) % 4294967296
    return int(x / 256) % limit
}

function one(i,    k, cases) {
    printf "static unsigned f%d(struct node *p, unsigned a, unsigned b)\n{\n    unsigned t[%d] = {a, b}, r = %d;\n", i, 8 + rnd(24), rnd(1000)
    printf "    for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {\n        t[i] += a * i + %d;\n", rnd(99)
    printf "        r ^= t[i] << (i %% 7) | (b + i) >> %d;\n    }\n    switch (a %% %d) {\n", 1 + rnd(9), cases = 5 + rnd(12)
    for (k = 0; k < cases; k++)
        printf "    case %d: r += p->v[%d] * %du; p->d = p->d * %d.5 + %d; break;\n", k, rnd(8), rnd(100000), rnd(3), rnd(50)
    printf "    default: p->v[a %% 8] = r; break;\n    }\n    memcpy(p->name, \"function %d\", %d);\n", i, 10
    if (i > 0)
        printf "    if (b > %d)\n        r += f%d(p, r %% 64, b / 2) + f%d(p, a / 3, b / 3);\n", 2 + rnd(9), rnd(i), rnd(i)
    print "    return r;\n}\n"
}

BEGIN {
    x = 11
    print "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <math.h>\n"
    print "struct node { unsigned v[8]; double d; char name[32]; struct node *next; };\n"
    for (i = 0; i < n; i++)
        one(i)
    print "int main(void)\n{\n    struct node p = {{1, 2, 3}, 0.5, \"\", NULL};\n    unsigned sum = 0;"
    for (i = 0; i < n; i++)
        printf "    sum = sum * 31 + f%d(&p, sum %% 100, %d);\n", i, rnd(20)
    print "    printf(\"%u %s\\n\", sum, p.name);\n    return 0;\n}"
}
