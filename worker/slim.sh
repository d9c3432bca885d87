#!/bin/sh
# Takes out of the installed packages (the folder $1) what a running worker can't need: half of their size.
set -eu
cd "$1"

# The packages' own tests, and what is only for compiling against them.
find . -type d \( -name tests -o -name include -o -name __pycache__ \) -prune -exec rm -rf {} +
find . -type f \( -name '*.a' -o -name '*.c' -o -name '*.h' -o -name '*.px[di]' -o -name '*.pyi' -o -name '*.pyx' \) -delete
rm -rf numpy/f2py numpy/distutils numpy/_core/_simd.* pyarrow/src

# The simulated gateway alone knows holidays, and the image is without it.
rm -rf holidays holidays-*

# Of pyarrow the worker reads and writes Parquet: no other format, no cloud's files, no remote protocol.
cd pyarrow
rm -f libarrow_flight* _flight* libarrow_python_flight* flight.py libarrow_s3* _s3fs* _azurefs* _gcsfs* _hdfs* _orc* \
  _dataset_orc* _substrait* ./*parquet_encryption* _pyarrow_cpp_tests*
rm -f libarrow_python.so libarrow_python.so.*.*.* # the same again as libarrow_python.so.*
# Every part names this library as needed, and none of those that stay uses it.
substrait=$(basename libarrow_substrait.so.*)
patchelf --remove-needed "$substrait" ./*.so*
rm "$substrait"
cd ..

# Symbols for a debugger. Numpy's libraries are as their own build laid them out, which strip would break.
find cryptography pyarrow yaml -name '*.so*' -exec strip --strip-unneeded {} +
