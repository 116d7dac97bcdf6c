By0JCGแ@ย3s“C{T1รแzC
C