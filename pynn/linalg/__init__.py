from pynn.ops import factorization, equations
